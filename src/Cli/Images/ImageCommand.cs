using System.CommandLine;
using System.Globalization;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Images;

/// <summary><c>osv image ...</c>: what tenants boot.</summary>
internal static class ImageCommand
{
    public static Command Create() => new("image", "What tenants boot: kernel, initial RAM disk, command line.") { Add(), List(), Show(), Delete() };

    private static Argument<string> Image() => Names.Argument("image", "Name or id of the image.", async (api, project, cancel) => (await api.ListImagesAsync(project, Pages.Largest, null, cancel).ConfigureAwait(false)).Value.Items.Select(image => image.Name));

    private static Command Add()
    {
        var name = new Argument<string>("name") { Description = "Lower-case letters, digits, '-' and '.'." };
        var kernel = new Option<FileInfo>("--kernel") { Description = "A 64-bit bzImage, as in /boot/vmlinuz-*.", Required = true, HelpName = "file" };
        var initrd = new Option<FileInfo?>("--initrd") { Description = "Initial RAM disk.", HelpName = "file" };
        var commandLine = new Option<string?>("--cmdline") { Description = "Command line of the kernel, as in \"console=ttyS0\".", HelpName = "text" };
        var shared = new Option<bool>("--shared") { Description = "For all projects; only administrators may." };
        return ClientCommand.Query("add", "Upload an image.", async call =>
        {
            if (call.Get(shared) && call.Project is not null) throw new CommandException("--shared makes an image of all projects and --project one of a single project: give one of them");
            using var progress = new Progress();
            using var upload = new Upload(progress);
            upload.AddField("name", call.Required(name));
            upload.AddField("commandLine", call.Get(commandLine) ?? "");
            if (call.Project is { } project) upload.AddField("project", project);
            if (call.Get(shared)) upload.AddField("shared", "true");
            // The server wants the fields before the files.
            UploadedFile kernelFile = upload.AddFile("kernel", call.Required(kernel)!);
            UploadedFile? initrdFile = call.Get(initrd) is { } given ? upload.AddFile("initrd", given) : null;
            Reply<ImageView> reply = await call.Api.CreateImageAsync(upload.Form, call.Cancel).ConfigureAwait(false);
            Check("kernel", kernelFile, reply.Value.KernelSha256);
            if (initrdFile is not null) Check("initrd", initrdFile, reply.Value.InitrdSha256);
            progress.Dispose();
            call.Show(reply, image => $"image {image.Name} is stored{Environment.NewLine}{Fields(image)}");
        }, name, kernel, initrd, commandLine, shared, CommonOptions.Project);
    }

    private static Command List() => ClientCommand.Query("list", "Images that you may use.", async call => call.ShowList(
        await Pages.ReadAsync<PageOfImageView, ImageView>((limit, cursor) => call.Api.ListImagesAsync(call.Project, limit, cursor, call.Cancel)).ConfigureAwait(false), "images",
        new("NAME", image => image.Name),
        new("PROJECT", image => image.Project ?? "(all)"),
        new("KERNEL", image => Sizes.Format(image.KernelBytes)) { IsRight = true },
        new("INITRD", image => image.InitrdBytes is { } bytes ? Sizes.Format(bytes) : null) { IsRight = true },
        new("TENANTS", image => image.Tenants.ToString(CultureInfo.InvariantCulture)) { IsRight = true },
        new("CREATED", image => Ages.Stamp(image.CreatedAt)),
        new("ID", image => image.Id.ToString()) { IsWide = true },
        new("KERNEL SHA256", image => image.KernelSha256) { IsWide = true },
        new("INITRD SHA256", image => image.InitrdSha256) { IsWide = true },
        new("COMMAND LINE", image => image.CommandLine) { IsText = true }), CommonOptions.Project);

    private static Command Show()
    {
        Argument<string> image = Image();
        return ClientCommand.Query("show", "One image.", async call => call.Show(await call.Api.ShowImageAsync(call.Required(image), call.Project, call.Cancel).ConfigureAwait(false), Fields), image, CommonOptions.Project);
    }

    private static Command Delete()
    {
        Argument<string> image = Image();
        return ClientCommand.Create("delete", "Delete an image that no tenant boots from.", async call =>
        {
            await call.Api.DeleteImageAsync(call.Required(image), call.Project, call.Cancel).ConfigureAwait(false);
            Console.WriteLine($"image {call.Required(image)} is gone");
        }, image, CommonOptions.Project);
    }

    private static void Check(string what, UploadedFile file, string? stored)
    {
        if (file.Sha256 != stored) throw new CommandException($"the server stored a {what} with sha256 {stored}, but {file.Path} has {file.Sha256}: delete the image and upload it again");
    }

    private static string Fields(ImageView image) => Table.Fields(
    [
        ("name", image.Name),
        ("id", image.Id.ToString()),
        ("project", image.Project ?? "(all)"),
        ("command line", image.CommandLine),
        ("kernel", $"{Sizes.Format(image.KernelBytes)}, sha256 {image.KernelSha256}"),
        ("initrd", image.InitrdBytes is { } bytes ? $"{Sizes.Format(bytes)}, sha256 {image.InitrdSha256}" : null),
        ("tenants", image.Tenants.ToString(CultureInfo.InvariantCulture)),
        ("created", Ages.Stamp(image.CreatedAt)),
    ]);
}
