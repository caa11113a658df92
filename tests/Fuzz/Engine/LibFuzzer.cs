using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Trace = SharpFuzz.Common.Trace;

namespace Osv.Fuzz.Engine;

/// <summary>
/// The instrumented program's side: hands libFuzzer a target, in this process. The counters of the instrumentation lie where
/// libFuzzer looks for more than its own.
/// </summary>
internal static unsafe partial class LibFuzzer
{
    public const int CounterBytes = 1 << 16;
    private const int FindingStatus = 77;
    private static FuzzTarget s_target = null!;
    private static CurrentInput s_current = null!;

    /// <summary>The target, ready. What is done only once is no feature of the first input: it counts elsewhere.</summary>
    public static FuzzTarget SetUp(string name)
    {
        Trace.SharedMem = (byte*)NativeMemory.AllocZeroed(CounterBytes);
        FuzzTarget target = FuzzTarget.Named(name);
        target.SetUp();
        target.Run([]);
        return target;
    }

    /// <summary>Does not return: libFuzzer ends the process when it is done.</summary>
    public static int Run(FuzzTarget target, IEnumerable<string> arguments)
    {
        s_target = target;
        s_current = new CurrentInput(CurrentInput.PathOf(Environment.ProcessId), target.MaxBytes);
        Trace.SharedMem = Counters();
        Trace.PrevLocation = 0;
        // .NET turns these signals into exceptions; only an abort is left to libFuzzer.
        string[] all =
        [
            // When it merges, libFuzzer starts itself again with these words.
            $"{Environment.ProcessPath} {typeof(LibFuzzer).Assembly.Location} drive {target.Name}", "-handle_segv=0", "-handle_bus=0", "-handle_ill=0", "-handle_fpe=0", "-rss_limit_mb=0", "-malloc_limit_mb=0", "-reload=0", "-print_final_stats=1",
            $"-max_len={target.MaxBytes}", .. arguments,
        ];
        byte** pointers = (byte**)NativeMemory.Alloc((nuint)(all.Length + 1), (nuint)sizeof(byte*));
        for (int i = 0; i < all.Length; i++) pointers[i] = (byte*)Marshal.StringToCoTaskMemUTF8(all[i]);
        pointers[all.Length] = null;
        return RunDriver(all.Length, pointers, &Execute);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Execute(byte* data, nuint bytes)
    {
        Trace.PrevLocation = 0;
        // Before it is executed: nobody might be left to say afterwards what it was.
        s_current.Write(new ReadOnlySpan<byte>(data, (int)bytes));
        try
        {
            s_target.Run(new ReadOnlySpan<byte>(data, (int)bytes));
        }
        catch (Exception error)
        {
            Console.Error.WriteLine($"FINDING {s_target.Name}: {error}");
            End(FindingStatus);
        }
        return 0;
    }

    /// <summary>Executes files one after the other without libFuzzer; how many counters they move in all, and how long it took.</summary>
    public static (int Edges, TimeSpan Elapsed) Replay(FuzzTarget target, IEnumerable<string> files)
    {
        byte* counters = (byte*)NativeMemory.AllocZeroed(CounterBytes);
        Trace.SharedMem = counters;
        var clock = Stopwatch.StartNew();
        foreach (string file in files)
        {
            Trace.PrevLocation = 0;
            target.Run(File.ReadAllBytes(file));
        }
        clock.Stop();
        int edges = CounterBytes - new ReadOnlySpan<byte>(counters, CounterBytes).Count((byte)0);
        NativeMemory.Free(counters);
        return (edges, clock.Elapsed);
    }

    [LibraryImport(Workshop.Driver, EntryPoint = "osv_counters")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.AssemblyDirectory)]
    private static partial byte* Counters();

    [LibraryImport(Workshop.Driver, EntryPoint = "osv_run")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.AssemblyDirectory)]
    private static partial int RunDriver(int count, byte** arguments, delegate* unmanaged[Cdecl]<byte*, nuint, int> execute);

    [LibraryImport(Workshop.Driver, EntryPoint = "osv_end")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.AssemblyDirectory)]
    private static partial void End(int status);
}
