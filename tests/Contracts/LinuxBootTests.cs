using System.Buffers.Binary;
using Osv.Contracts.BootInterface;
using Osv.Contracts.ControlDevice;

namespace Osv.Contracts.Tests;

public sealed class LinuxBootTests
{
    private const ulong KernelBytes = 8 << 20, InitSize = 48 << 20, Preferred = 16 << 20;

    private static byte[] Header(Action<byte[]>? change = null)
    {
        var header = new byte[LinuxBoot.HeaderBytes];
        header[0x1F1] = 31;
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(0x1FE), 0xAA55);
        header[0x201] = 0x6A;
        "HdrS"u8.CopyTo(header.AsSpan(0x202));
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(0x206), 0x20F);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(0x22C), 0x7FFF_FFFF);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(0x230), 2 << 20);
        header[0x234] = 1;
        header[0x236] = 1;
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(0x238), 2047);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(0x258), Preferred);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(0x260), (uint)InitSize);
        change?.Invoke(header);
        return header;
    }

    private static LinuxBootError Plan(byte[] header, ulong start, ulong bytes, out LinuxBootPlan plan, ulong kernel = KernelBytes, ulong initrd = 10 << 20, int line = 20)
    {
        var memory = new MemoryExtent { GuestAddress = start, Bytes = bytes };
        return LinuxBoot.Plan(header, kernel, initrd, line, in memory, out plan);
    }

    [Fact]
    public void A_kernel_goes_where_it_prefers_and_the_initrd_to_the_top()
    {
        Plan(Header(), 0, 256 << 20, out LinuxBootPlan plan).ShouldBe(LinuxBootError.None);
        plan.KernelAddress.ShouldBe(Preferred);
        plan.Entry.Rip.ShouldBe(Preferred + 0x200);
        (plan.InitrdAddress + plan.InitrdBytes).ShouldBe(256UL << 20);
        plan.InitrdAddress.ShouldBeGreaterThanOrEqualTo(plan.KernelAddress + InitSize);
    }

    [Fact]
    public void In_memory_that_begins_higher_a_relocatable_kernel_moves_up_aligned()
    {
        Plan(Header(), 0x2130_0000, 256 << 20, out LinuxBootPlan plan).ShouldBe(LinuxBootError.None);
        plan.KernelAddress.ShouldBe(0x2140_0000UL);
        Plan(Header(header => header[0x234] = 0), 0x2130_0000, 256 << 20, out _).ShouldBe(LinuxBootError.KernelTooLarge);
    }

    [Theory]
    [InlineData(0x202, LinuxBootError.NotBzImage)]
    [InlineData(0x1FE, LinuxBootError.NotBzImage)]
    [InlineData(0x207, LinuxBootError.ProtocolTooOld)]
    [InlineData(0x236, LinuxBootError.No64BitEntry)]
    public void A_header_that_lacks_something_is_named(int zeroed, LinuxBootError expected) =>
        Plan(Header(header => header[zeroed] = 0), 0, 256 << 20, out _).ShouldBe(expected);

    [Fact]
    public void What_does_not_fit_is_named()
    {
        Plan(Header(), 0, 32 << 20, out _).ShouldBe(LinuxBootError.KernelTooLarge);
        Plan(Header(), 0, 70 << 20, out _).ShouldBe(LinuxBootError.InitrdTooLarge);
        Plan(Header(), 0, 256 << 20, out _, line: 2048).ShouldBe(LinuxBootError.CommandLineTooLong);
        Plan(Header(), 0, 256 << 20, out _, kernel: 0x300).ShouldBe(LinuxBootError.Truncated);
        Plan(Header()[..100], 0, 256 << 20, out _).ShouldBe(LinuxBootError.Truncated);
    }

    [Fact]
    public void No_header_makes_it_fail_or_place_anything_outside_the_memory()
    {
        var random = new Random(7);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] header = Header(bytes =>
            {
                for (int k = random.Next(4); k >= 0; k--) bytes[0x1F1 + random.Next(bytes.Length - 0x1F1)] = (byte)random.Next(256);
            });
            ulong start = (ulong)random.Next(0, 512) << 21, size = (ulong)random.Next(1, 512) << 21;
            if (Plan(header, start, size, out LinuxBootPlan plan) != LinuxBootError.None) continue;
            plan.KernelAddress.ShouldBeGreaterThanOrEqualTo(Math.Max(start, GuestMap.OneMebibyte));
            (plan.KernelAddress + plan.KernelBytes).ShouldBeLessThanOrEqualTo(start + size);
            plan.InitrdAddress.ShouldBeGreaterThanOrEqualTo(plan.KernelAddress + plan.KernelBytes);
            (plan.InitrdAddress + plan.InitrdBytes).ShouldBeLessThanOrEqualTo(start + size);
        }
    }
}
