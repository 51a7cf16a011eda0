"""The processors that come with the platform, a file each; found by entry point like any other."""
