"""Feast: views, stores and training sets over our tables and history."""
