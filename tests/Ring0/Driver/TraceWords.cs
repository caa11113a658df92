using System.Globalization;
using Osv.Contracts.ControlDevice;

namespace Osv.Ring0.Driver;

/// <summary>
/// A control operation as a line of hexadecimal words: operation, partition, argument, window, numbers of cores and extents; the entry
/// state's seven; 4 cores; 4 extents of 3; number of functions; 4 functions.
/// </summary>
internal static unsafe class TraceWords
{
    private const int Cores = 4, Extents = 4, Functions = 4, FirstCore = 13, FirstExtent = FirstCore + Cores, FirstFunction = FirstExtent + Extents * 3 + 1;

    public static ulong[] From(ControlOperation operation, in ControlRequest request)
    {
        EntryState entry = request.Entry;
        List<ulong> words =
        [
            (ulong)operation, request.Partition, request.Argument, request.WindowAddress, request.CoreCount, request.ExtentCount,
            entry.Rip, entry.Rsi, entry.Cr3, entry.GdtBase, entry.GdtLimit, entry.CodeSelector, entry.DataSelector,
        ];
        for (int i = 0; i < Cores; i++) words.Add(request.Cores[i]);
        for (int i = 0; i < Extents * 3; i++) words.Add(request.Extents[i]);
        words.Add(request.FunctionCount);
        for (int i = 0; i < Functions; i++) words.Add(request.Functions[i]);
        return [.. words];
    }

    public static ControlOperation Into(ref ControlRequest request, ReadOnlySpan<ulong> words)
    {
        request = new ControlRequest
        {
            Partition = (uint)words[1],
            Argument = (uint)words[2],
            WindowAddress = words[3],
            CoreCount = (uint)words[4],
            ExtentCount = (uint)words[5],
            Entry = new EntryState
            {
                Rip = words[6],
                Rsi = words[7],
                Cr3 = words[8],
                GdtBase = words[9],
                GdtLimit = (uint)words[10],
                CodeSelector = (ushort)words[11],
                DataSelector = (ushort)words[12],
            },
            FunctionCount = (uint)words[FirstFunction - 1],
        };
        for (int i = 0; i < Cores; i++) request.Cores[i] = (uint)words[FirstCore + i];
        for (int i = 0; i < Extents * 3; i++) request.Extents[i] = words[FirstExtent + i];
        for (int i = 0; i < Functions; i++) request.Functions[i] = (ushort)words[FirstFunction + i];
        return (ControlOperation)words[0];
    }

    public static string Line(ReadOnlySpan<ulong> words) => string.Join(' ', words.ToArray().Select(word => word.ToString("x", CultureInfo.InvariantCulture)));

    public static ulong[] Read(string line) => [.. line.Split(' ').Select(word => ulong.Parse(word, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
}
