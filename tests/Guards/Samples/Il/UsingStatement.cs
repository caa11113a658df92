using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static class UsingStatement
{
    private struct Held : IDisposable
    {
        public uint Port;
        public void Dispose() => Cpu.Out8(Port, 0);
    }

    [RuntimeExport("sample_using")]
    public static void Run(uint port)
    {
        using Held held = new() { Port = port };
        Cpu.Out8(port, 1);
    }
}
