using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc;
using Osv.Data.Projects;
using Osv.Web.Access;
using Osv.Web.Hosting;

namespace Osv.Web.Images;

/// <summary>What tenants boot.</summary>
internal sealed class ImagesModule : IModule
{
    public void AddServices(WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ImageCatalog>();
        builder.Services.AddSingleton<ImageFit>();
        builder.Services.AddSingleton<ImageUpload>();
    }

    public void Map(IEndpointRouteBuilder site, RouteGroupBuilder api)
    {
        RouteGroupBuilder images = api.MapGroup("/images").WithTags("Images");
        images.MapGet("", (Caller caller, string? project, [AsParameters] PageRequest page, ImageCatalog catalog, CancellationToken cancel) => catalog.ListAsync(caller, project, page, cancel))
            .Allow(Scopes.ImagesRead).WithName("ListImages").WithSummary("Images that the caller may use, by name");
        images.MapPost("", async (Caller caller, HttpContext http, ImageUpload upload, CancellationToken cancel) =>
            {
                if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = upload.RequestBytes;
                ImageView image = await upload.ReceiveAsync(caller, http.Request, cancel);
                return TypedResults.Created($"/api/v1/images/{image.Id}", image);
            })
            .Allow(Scopes.ImagesWrite, ProjectRole.Member).Accepts<UploadForm>("multipart/form-data").WithName("CreateImage")
            .WithSummary("Upload an image: fields name, project, commandLine (and shared=true, by administrators, for all projects), then the files kernel (a bzImage) and initrd");
        images.MapGet("/{image}", async (Caller caller, string image, string? project, HttpContext http, ImageCatalog catalog, CancellationToken cancel) =>
            {
                (ImageView view, string tag) = await catalog.ShowAsync(caller, image, project, cancel);
                return ETags.Answer(http, view, tag);
            })
            .Allow(Scopes.ImagesRead, ProjectRole.Viewer).Produces<ImageView>().WithName("ShowImage").WithSummary("One image");
        images.MapDelete("/{image}", async (Caller caller, string image, string? project, [FromHeader(Name = "If-Match")] string? ifMatch, ImageCatalog catalog, CancellationToken cancel) =>
            {
                await catalog.DeleteAsync(caller, image, project, ifMatch, cancel);
                return TypedResults.NoContent();
            })
            .Allow(Scopes.ImagesWrite, ProjectRole.Member).WithName("DeleteImage").WithSummary("Delete an image that no tenant boots from");
    }
}

/// <summary>The form as the OpenAPI document describes it; it is read as a stream.</summary>
internal sealed record UploadForm(string Name, string? Project, string? CommandLine, bool? Shared, IFormFile Kernel, IFormFile? Initrd);
