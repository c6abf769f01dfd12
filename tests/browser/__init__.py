"""The pages in a real headless Chromium, against the real service."""
