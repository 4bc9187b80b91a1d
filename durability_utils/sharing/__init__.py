"""What may leave the service."""
