using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Osv.Web.Access;
using Scalar.AspNetCore;

namespace Osv.Web.Hosting;

/// <summary>The API describes itself at /openapi/v1.json; /docs shows it to people.</summary>
internal static class OpenApi
{
    public static void AddOsvOpenApi(this IServiceCollection services) =>
        services.AddOpenApi("v1", options =>
        {
            options.AddDocumentTransformer((document, _, _) =>
            {
                document.Info = new OpenApiInfo
                {
                    Title = "OSV Cloud", Version = "v1",
                    Description = "Nodes, images, tenants, placement jobs, projects and access. Names of objects are unique in their project; wherever a name is accepted, so is the id. Errors are problem documents.",
                };
                // Where it is served is not part of what it is.
                document.Servers = [];
                document.Components ??= new OpenApiComponents();
                document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
                {
                    ["token"] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", Description = "An API token (osv_...)" },
                };
                return Task.CompletedTask;
            });
            options.AddOperationTransformer((operation, context, _) =>
            {
                IList<object> metadata = context.Description.ActionDescriptor.EndpointMetadata;
                if (metadata.OfType<AccessRule>().LastOrDefault() is { } rule)
                {
                    operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("token", context.Document)] = [rule.Scope] }];
                    string role = rule.SiteRole != Data.Access.SiteRole.None ? $" and the role {rule.SiteRole.ToString().ToLowerInvariant()}"
                        : rule.ProjectRole is { } project ? $" and the role {project.ToString().ToLowerInvariant()} in the project" : "";
                    operation.Description = $"{operation.Description} Needs the scope {rule.Scope}{role}.".Trim();
                }
                if (metadata.OfType<IdempotentMetadata>().Any())
                {
                    operation.Parameters ??= [];
                    operation.Parameters.Add(new OpenApiParameter
                    {
                        Name = Idempotency.Header, In = ParameterLocation.Header, Schema = new OpenApiSchema { Type = JsonSchemaType.String },
                        Description = "The same key with the same request gets the first answer again, for a day",
                    });
                }
                operation.Responses ??= [];
                operation.Responses.TryAdd("default", new OpenApiResponse { Description = "A problem document (application/problem+json)" });
                return Task.CompletedTask;
            });
        });

    public static void MapOsvOpenApi(this WebApplication app)
    {
        app.MapOpenApi("/openapi/{documentName}.json").AllowAnonymous();
        app.MapScalarApiReference("/docs", options => options.WithTitle("OSV Cloud API")
            // Nothing on the page leads to services of others.
            .DisableDefaultFonts().DisableAgent().DisableMcp().DisableTelemetry().HideDeveloperTools().HideClientButton()).AllowAnonymous();
    }
}
