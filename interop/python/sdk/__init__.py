"""Microsoft's Dataverse SDK for Python, by what it does."""
