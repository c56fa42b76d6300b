"""What tests of several roots share."""
