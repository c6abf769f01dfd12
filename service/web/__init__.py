"""The pages: HTML, ES modules and styles, served as they stand here."""
