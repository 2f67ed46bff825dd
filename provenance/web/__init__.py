"""What all that speaks HTTP shares: which addresses may be asked, a session that gives nothing away, why it failed."""
