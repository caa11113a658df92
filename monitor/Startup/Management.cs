using System;
using Osv.Contracts.BootInterface;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Startup;

/// <summary>Partition 0, from the payload: at boot, and again whenever it dies.</summary>
public static unsafe class Management
{
    private static uint s_restarts;
    private const int MaxCommandLine = 2047;
    /// <summary>Where the loader of the monitor left it, below 16 MiB, which no partition gets.</summary>
    private static byte* s_commandLine;

    /// <summary>
    /// Takes the first cores and the first large enough memory. Its main extent lies at its own host address, for devices
    /// write to the addresses that Linux names; a page of its own stands in for the first 2 MiB (docs/adr/0004).
    /// The monitor lock is not needed yet.
    /// </summary>
    public static void Create(BootParameters boot)
    {
        s_commandLine = boot.CommandLine;
        ulong bytes = boot.Option("p0.memory"u8, 512UL << 20) & ~(ControlLayout.PageBytes - 1);
        uint count = (uint)Math.Min(boot.Option("p0.cores"u8, 1), (ulong)Node.CoreCount);
        ControlRequest* request = Exits.Doorbell.Request;
        Cpu.Clear(request, (ulong)sizeof(ControlRequest));
        for (int i = 0; i < Node.CoreCount; i++)
        {
            bool wanted = request->CoreCount < count;
            for (uint k = 0; k < request->CoreCount; k++)
                if (Node.Cores[Node.CoreByApicId[request->Cores[(int)k]]].PhysicalCore == Node.Cores[i].PhysicalCore) wanted = true;
            if (wanted) request->Cores[(int)request->CoreCount++] = Node.Cores[i].ApicId;
        }
        for (int i = 0; i < Node.MemoryCount && request->ExtentCount == 0; i++)
        {
            ulong start = Node.Memory[i].HostAddress;
            if (Node.Memory[i].Bytes < bytes + ControlLayout.PageBytes || start + bytes > GuestLayout.HoleStart) continue;
            request->ExtentCount = 2;
            request->Extents[0] = 0;
            request->Extents[1] = start + bytes;
            request->Extents[2] = ControlLayout.PageBytes;
            request->Extents[3] = start;
            request->Extents[4] = start;
            request->Extents[5] = bytes;
        }
        TakeNetwork(request, boot.Option("p0.nics"u8, ControlLayout.MaxOwnFunctions));
        if (request->ExtentCount == 0) Main.Stop("too little memory: no free range below 3 GiB is as large as p0.memory (512M unless told otherwise)"u8);
        ControlStatus status = ControlPolicy.CreateAt<RingZero>(Node.Machine, Machine.Management, in *request, out uint index);
        if (status != ControlStatus.Ok) Main.Stop("partition 0 cannot be made: p0.cores or p0.memory do not fit this node"u8);
        RingZero.Publish(Machine.Management);
        ulong seconds = boot.Option("p0.watch"u8, 60);
        if (seconds != 0 && Firmware.IoApic != 0 && request->Cores[0] <= CpuidPolicy.LastPlainApicId) AlarmClock.Start((byte)request->Cores[0], eachSecond: seconds < 60);
    }

    /// <summary>The first network functions of the node: the others, and all other functions, are for tenants.</summary>
    private static void TakeNetwork(ControlRequest* request, ulong count)
    {
        const uint Network = 2;
        for (int i = 0; i < Node.FunctionCount && request->FunctionCount < count && request->FunctionCount < ControlLayout.MaxOwnFunctions; i++)
        {
            ushort address = Node.Functions[i].Address;
            if (PciConfig.Read(address, 8) >> 24 == Network) request->Functions[(int)request->FunctionCount++] = address;
        }
    }

    /// <summary>
    /// Puts loader and payload into clean memory: what they are to Linux is partition 0's own business (monitor/loader).
    /// Without the monitor lock: tenants must not wait for it.
    /// </summary>
    public static void Load()
    {
        MemoryExtent extent = Node.Extents[1];
        byte* low = (byte*)Node.Extents[0].HostAddress;
        // The loader needs room for a copy, Linux for what it unpacks.
        if (Payload.ArchiveBytes > extent.Bytes / 8 || Payload.LoaderBytes > GuestMap.LowEnd - GuestMap.Loader)
            Main.Stop("the payload does not fit partition 0: give it more with p0.memory"u8);
        Cpu.Copy(low + GuestMap.Loader, Payload.Loader, Payload.LoaderBytes);
        byte* commandLine = low + GuestMap.NodeCommandLine;
        for (int i = 0; s_commandLine != null && i < MaxCommandLine && s_commandLine[i] != 0; i++) commandLine[i] = s_commandLine[i];
        ulong archive = (extent.HostAddress + extent.Bytes - Payload.ArchiveBytes) & ~4095UL;
        Cpu.Copy((byte*)archive, Payload.Archive, Payload.ArchiveBytes);
        Node.Partitions[0].Entry = new EntryState
        {
            Rip = GuestMap.LoaderEntry,
            Rsi = extent.GuestAddress + (archive - extent.HostAddress),
            Cr3 = GuestMap.Loader,
            GdtBase = GuestMap.LoaderGdt,
            GdtLimit = 0x1F,
            CodeSelector = 0x10,
            DataSelector = 0x18,
        };
    }

    /// <summary>The monitor lock is held.</summary>
    public static void Start()
    {
        int bootCore = Node.Partitions[0].BootCore;
        if (s_restarts != 0) RingZero.Report(EventKind.ManagementRestarted, Node.Partitions[0].Cause, Machine.Management, bootCore);
        Node.Header->ManagementTsc = Cpu.TimeStamp();
        Node.Header->ManagementRestarts = s_restarts;
        Node.Header->Beat = 0;
        *Node.Watch = default;
        AlarmClock.HasStruck();
        ControlFunction.Reset();
        s_restarts++;
        // The loader reads these, and partition 0 may have written over them in its last life.
        SharedTables.Write();
        Lifecycle.Start<RingZero>(Node.Machine, Machine.Management);
        RingZero.Publish(Machine.Management);
    }
}
