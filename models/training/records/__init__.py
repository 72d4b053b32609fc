"""Names of people and companies, as records spell them, scan them and read them."""
