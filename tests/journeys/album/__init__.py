"""What `make screenshots` takes pictures of: scenes, forms, mails, errors; and the camera."""
