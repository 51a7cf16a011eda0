"""WebSockets: events of the caller's organisation as they happen, each with the cursor to go on from."""
