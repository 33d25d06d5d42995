"""What programs print (logs, reports of tests, messages of compilers, stack traces) -> units."""
