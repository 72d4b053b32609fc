"""What texts become before an encoder sees them."""
