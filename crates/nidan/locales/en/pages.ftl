# Texts of pages.
