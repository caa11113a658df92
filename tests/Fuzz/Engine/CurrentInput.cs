using System.IO.MemoryMappedFiles;

namespace Osv.Fuzz.Engine;

/// <summary>The input that a process executes, in a file that outlives it, however it ends.</summary>
internal sealed unsafe class CurrentInput
{
    private readonly byte* _memory;
    private readonly int _capacity;

    /// <param name="capacity">Bytes that an input may have.</param>
    public CurrentInput(string path, int capacity)
    {
        _capacity = capacity;
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        // Never closed: the process ends while it is in use.
        MemoryMappedViewAccessor view = MemoryMappedFile.CreateFromFile(path, FileMode.Create, null, sizeof(int) + capacity).CreateViewAccessor();
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref _memory);
    }

    public static string PathOf(int process) => Path.Combine(Places.Findings, $"current-{process}");

    public void Write(ReadOnlySpan<byte> input)
    {
        input = input[..Math.Min(input.Length, _capacity)];
        *(int*)_memory = input.Length;
        input.CopyTo(new Span<byte>(_memory + sizeof(int), _capacity));
    }

    /// <summary>What the process executed last, or null.</summary>
    public static byte[]? Read(int process)
    {
        string path = PathOf(process);
        if (!File.Exists(path)) return null;
        byte[] content = File.ReadAllBytes(path);
        return content.Length < sizeof(int) ? null : content.AsSpan(sizeof(int), BitConverter.ToInt32(content)).ToArray();
    }
}
