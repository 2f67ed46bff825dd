"""Public registers of people and institutions: ORCID and ROR, asked when a user says so."""
