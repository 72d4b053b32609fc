"""What a piece of code says once its names, comments and layout are taken away."""
