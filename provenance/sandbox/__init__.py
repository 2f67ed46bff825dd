"""The sandbox: a small local stand-in of WorkflowHub to practise with and to test against."""
