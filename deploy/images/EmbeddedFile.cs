namespace Osv.Images;

/// <summary>Files of this folder that go into images; they are part of the builder.</summary>
internal static class EmbeddedFile
{
    /// <param name="name">folder/file.</param>
    public static byte[] Read(string name)
    {
        using Stream stream = typeof(EmbeddedFile).Assembly.GetManifestResourceStream(name) ?? throw new InvalidOperationException($"the file {name} is not part of the image builder");
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }
}
