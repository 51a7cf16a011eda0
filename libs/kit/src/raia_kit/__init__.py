"""What every RAIA service shares: server, unit of work, events, jobs, objects, identity, telemetry."""
