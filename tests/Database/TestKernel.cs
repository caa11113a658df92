using System.Buffers.Binary;

namespace Osv.Database.Testing;

/// <summary>Files that pass for a kernel.</summary>
public static class TestKernel
{
    /// <summary>The smallest file with the setup header of a 64-bit bzImage, followed by bytes that make it unique.</summary>
    public static byte[] Make(int protocol = 0x020F, int size = 4096)
    {
        const int SetupSectors = 4;
        byte[] file = new byte[size];
        Random.Shared.NextBytes(file.AsSpan(0x300));
        file[0x1F1] = SetupSectors;
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(0x1F4), (size - ((SetupSectors + 1) * 512)) / 16);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(0x1FE), 0xAA55);
        "HdrS"u8.CopyTo(file.AsSpan(0x202));
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(0x206), (ushort)protocol);
        file[0x211] = 1;
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(0x22C), int.MaxValue);
        file[0x236] = 1;
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(0x238), 2047);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(0x258), 16 << 20);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(0x260), 32 << 20);
        return file;
    }
}
