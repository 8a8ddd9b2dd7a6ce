"""Complete our commands in a shell: words, options and what is known here."""
