using FluentValidation;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using Npgsql;
using Osv.Data.Access;
using Osv.Data.Images;
using Osv.Data.Projects;
using Osv.Web.Access;
using Osv.Web.Hosting;
using Osv.Web.Projects;

namespace Osv.Web.Images;

/// <summary>Takes the parts of a form (name, project, commandLine, shared; then the files kernel and initrd) as a stream, so that no file is ever held in memory.</summary>
public sealed class ImageUpload(NpgsqlDataSource source, ImageCatalog catalog, ProjectLookup projects, IConfiguration configuration, TimeProvider time)
{
    /// <summary>Largest kernel; Debian's has 8 MiB.</summary>
    public const long KernelBytes = 64 << 20;

    private const int FieldBytes = 4096;

    /// <summary>Largest initial RAM disk, configuration Osv:Images:InitrdBytes.</summary>
    public long InitrdBytes { get; } = configuration.GetValue("Osv:Images:InitrdBytes", 2L << 30);

    /// <summary>Largest request.</summary>
    public long RequestBytes => KernelBytes + InitrdBytes + (1 << 20);

    public async Task<ImageView> ReceiveAsync(Caller caller, HttpRequest request, CancellationToken cancel)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type) || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase) || HeaderUtilities.RemoveQuotes(type.Boundary).Value is not { Length: > 0 } boundary)
        {
            throw new RefusalException(StatusCodes.Status415UnsupportedMediaType, "send the image as multipart/form-data: the fields name, project and commandLine, then the files kernel and initrd");
        }
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        Fields? header = null;
        Content? kernel = null, initrd = null;
        byte[] head = new byte[LinuxKernel.HeaderBytes];
        var reader = new MultipartReader(boundary, request.Body);
        while (await reader.ReadNextSectionAsync(cancel) is { } section)
        {
            if (section.GetContentDispositionHeader() is not { } disposition) continue;
            string name = HeaderUtilities.RemoveQuotes(disposition.Name).Value ?? "";
            if (!disposition.IsFileDisposition())
            {
                using var text = new StreamReader(new LimitedStream(section.Body, FieldBytes, name));
                fields[name] = await text.ReadToEndAsync(cancel);
                continue;
            }
            // Everything that can be refused is refused before a file is stored.
            header ??= await ReadAsync(caller, fields, cancel);
            switch (name)
            {
                case "kernel":
                    int read = await section.Body.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancel);
                    LinuxKernel.Check(head.AsSpan(0, read));
                    kernel = await ContentStore.AddAsync(source, new LimitedStream(section.Body, KernelBytes, name, head), time, cancel);
                    break;
                case "initrd":
                    initrd = await ContentStore.AddAsync(source, new LimitedStream(section.Body, InitrdBytes, name), time, cancel);
                    if (initrd.SizeBytes == 0) throw RefusalException.Invalid("initrd", "the initrd is empty: leave it out or send a file");
                    break;
                default:
                    throw RefusalException.Invalid(name, $"'{name}' is no file of an image: send kernel and initrd");
            }
        }
        if (kernel is null) throw RefusalException.Invalid("kernel", "the kernel is missing: send the file in the part kernel");
        LinuxKernel.LeastMemory(head, kernel.SizeBytes, initrd?.SizeBytes ?? 0, header!.CommandLine.Length);
        return await catalog.AddAsync(caller, header.Project, header.Name, kernel, initrd, header.CommandLine, cancel);
    }

    private async Task<Fields> ReadAsync(Caller caller, Dictionary<string, string> fields, CancellationToken cancel)
    {
        var form = new Form(fields.GetValueOrDefault("name", ""), fields.GetValueOrDefault("commandLine", ""));
        new FormValidator().Check(form);
        if (fields.GetValueOrDefault("shared") == "true")
        {
            caller.Require(SiteRole.Administrator);
            return new Fields(null, form.Name, form.CommandLine);
        }
        Project project = await projects.FindAsync(caller, fields.TryGetValue("project", out string? named) && named.Length > 0 ? named : null, ProjectRole.Member, cancel);
        return new Fields(project.Id, form.Name, form.CommandLine);
    }

    private sealed record Fields(Guid? Project, string Name, string CommandLine);

    private sealed record Form(string Name, string CommandLine);

    private sealed class FormValidator : AbstractValidator<Form>
    {
        public FormValidator()
        {
            RuleFor(form => form.Name).IsName();
            // COMMAND_LINE_SIZE of Linux on x86, less the ending zero.
            RuleFor(form => form.CommandLine).MaximumLength(2047).WithMessage("the command line has {TotalLength} characters: use at most {MaxLength}")
                .Must(text => text.All(c => c is >= ' ' and <= '~')).WithMessage("the command line may hold printable ASCII only");
        }
    }
}
