using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

// The monitor's own library has no such class, so that the compiler refuses such a field there; who adds the class meets the guard.
namespace System.Runtime.CompilerServices
{
    public sealed class IsVolatile { }
}

namespace Osv.Monitor.Samples
{
    public static class VolatileField
    {
        private static volatile uint s_flag;

        [RuntimeExport("sample_volatile")]
        public static uint Run(uint value)
        {
            s_flag = value;
            return s_flag;
        }
    }
}
