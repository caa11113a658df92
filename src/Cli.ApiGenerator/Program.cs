using Osv.Cli.ApiGenerator;

if (args is not [var document, var target])
{
    Console.Error.WriteLine("usage: Osv.Cli.ApiGenerator OPENAPI.json CLIENT.cs");
    return 2;
}
try
{
    File.WriteAllText(target, ClientWriter.Write(ApiDocument.Read(File.ReadAllText(document))));
    return 0;
}
catch (NotSupportedException unknown)
{
    // In the form that MSBuild shows as an error of the build.
    Console.Error.WriteLine($"{document}: error OSV0001: {unknown.Message}");
    return 1;
}
