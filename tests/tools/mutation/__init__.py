"""The proof by mutation: small bugs put into the code, one at a time; those that no test notices are explained."""
