"""The user who asks: who they are, and their own password. The resource `users` has the rest."""
