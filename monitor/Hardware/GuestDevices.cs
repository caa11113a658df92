using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Hardware;

/// <summary>
/// The made-up devices of a tenant: a serial port and the I/O APIC that carries its interrupt. Each partition has a lock
/// of its own for them, taken inside the monitor lock where both are held, so consoles do not wait for each other.
/// </summary>
public unsafe struct GuestDevices
{
    private TicketLock _lock;
    private SerialPort _serial;
    private IoApic _ioApic;
    /// <summary>The serial port's interrupt line, as the I/O APIC last saw it.</summary>
    private bool _line;

    /// <summary>As at power-up; the console's output goes on.</summary>
    public static void Reset(int partition)
    {
        GuestDevices* devices = Node.Devices + partition;
        TicketLock.Enter(&devices->_lock);
        devices->_serial.Reset(partition);
        devices->_ioApic.Reset();
        devices->_line = false;
        TicketLock.Leave(&devices->_lock);
    }

    public static uint ReadSerial(int partition, int register)
    {
        GuestDevices* devices = Node.Devices + partition;
        TicketLock.Enter(&devices->_lock);
        uint value = devices->_serial.Read(partition, register);
        devices->DriveLine(partition);
        TicketLock.Leave(&devices->_lock);
        return value;
    }

    public static void WriteSerial(int partition, int register, byte value)
    {
        GuestDevices* devices = Node.Devices + partition;
        TicketLock.Enter(&devices->_lock);
        devices->_serial.Write(partition, register, value);
        devices->DriveLine(partition);
        TicketLock.Leave(&devices->_lock);
    }

    /// <summary>Partition 0 says that it typed something.</summary>
    public static void ConsoleInput(int partition)
    {
        GuestDevices* devices = Node.Devices + partition;
        TicketLock.Enter(&devices->_lock);
        devices->DriveLine(partition);
        TicketLock.Leave(&devices->_lock);
    }

    public static uint ReadIoApic(int partition, uint offset)
    {
        GuestDevices* devices = Node.Devices + partition;
        TicketLock.Enter(&devices->_lock);
        uint value = devices->_ioApic.Read(offset);
        TicketLock.Leave(&devices->_lock);
        return value;
    }

    public static void WriteIoApic(int partition, uint offset, uint value)
    {
        GuestDevices* devices = Node.Devices + partition;
        TicketLock.Enter(&devices->_lock);
        devices->_ioApic.Write(offset, value);
        TicketLock.Leave(&devices->_lock);
    }

    /// <summary>
    /// A rising edge becomes an interrupt. The caller is a core of the partition, or holds the monitor lock: in both cases
    /// no core of the partition can get another owner meanwhile.
    /// </summary>
    private void DriveLine(int partition)
    {
        bool line = _serial.Interrupting(partition);
        if (line && !_line) _ioApic.Raise<RingZero>(Node.Machine, partition, IoApic.SerialPin);
        _line = line;
    }

    /// <summary>Last words, without the lock: this core will halt, and another may have died holding it.</summary>
    public static void PutLastWord(int partition, byte value) => Node.Devices[partition]._serial.PutOutput(partition, value);
}
