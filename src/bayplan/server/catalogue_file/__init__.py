"""The whole catalogue as one document: apply and export."""
