"""Telling people and programs elsewhere what the daemon finds: once when it begins, once when it is over."""
