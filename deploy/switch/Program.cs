using Osv.Contracts.Networks;
using Osv.Rack;
using Osv.Switch;

// The folder of the socket is its owner's alone: whoever may speak to the switch may put any card into any segment.
if (args is not [var rack, var socket])
{
    Console.Error.WriteLine("usage: Osv.Switch FOLDER-OF-THE-RACK SOCKET");
    return 2;
}
const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
string folder = Path.GetDirectoryName(Path.GetFullPath(socket))!;
Directory.CreateDirectory(folder, Owner);
File.SetUnixFileMode(folder, Owner);
File.Delete(socket);

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders().AddJsonConsole().AddFilter("Microsoft", LogLevel.Warning).AddFilter("Microsoft.Hosting.Lifetime", LogLevel.Information);
builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(socket));
builder.Services.AddSingleton(new VirtualRack(rack)).AddSingleton<PatchPanel>();
await using WebApplication app = builder.Build();
app.MapPut(PortBindings.Path, async (PortBindings wanted, PatchPanel panel, CancellationToken cancel) =>
{
    try
    {
        return Results.Ok(await panel.ApplyAsync(wanted, cancel));
    }
    catch (ArgumentException wrong)
    {
        return Results.Problem(wrong.Message, statusCode: StatusCodes.Status400BadRequest);
    }
});
await app.RunAsync();
return 0;
