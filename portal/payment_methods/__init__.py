"""The room of payment methods: cards and bank accounts on file."""
