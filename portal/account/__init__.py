"""What a person decides about themself and their account."""
