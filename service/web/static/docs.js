// The API's documentation by Swagger UI, whose bundle defines the global SwaggerUIBundle.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null, // else it would ask a server on the internet
});
