"""What a test of the cloud needs around it: servers, clients, a deployed stack, a source."""
