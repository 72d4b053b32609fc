"""Galleries: durable exemplars and exact answers about them; knows no models and no service."""
