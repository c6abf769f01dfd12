"""The examples of the API's document. A test submits each spec and builds each problem."""
