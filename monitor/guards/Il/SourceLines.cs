using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace Osv.Monitor.Guards.Il;

/// <summary>Where an instruction stands in the source, by the debug information embedded in the assembly.</summary>
internal sealed class SourceLines(PEReader image) : IDisposable
{
    private readonly MetadataReaderProvider? _symbols = image.ReadDebugDirectory()
        .Where(entry => entry.Type == DebugDirectoryEntryType.EmbeddedPortablePdb)
        .Select(image.ReadEmbeddedPortablePdbDebugDirectoryData).FirstOrDefault();

    /// <summary><c>path(line)</c>, or the name given when the compiler wrote the code itself.</summary>
    public string Of(MethodDefinitionHandle method, int offset, string otherwise)
    {
        if (_symbols is null) return otherwise;
        MetadataReader reader = _symbols.GetMetadataReader();
        MethodDebugInformation debug = reader.GetMethodDebugInformation(method.ToDebugInformationHandle());
        if (debug.SequencePointsBlob.IsNil) return otherwise;
        SequencePoint? found = null;
        foreach (SequencePoint point in debug.GetSequencePoints())
        {
            if (point.IsHidden) continue;
            if (found is null || point.Offset <= offset) found = point;
        }
        return found is { } at ? $"{reader.GetString(reader.GetDocument(at.Document).Name).Replace("/osv/", "", StringComparison.Ordinal)}({at.StartLine})" : otherwise;
    }

    public void Dispose() => _symbols?.Dispose();
}
