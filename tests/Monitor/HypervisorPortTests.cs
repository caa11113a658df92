using CsCheck;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Tests;

public sealed class HypervisorPortTests
{
    /// <summary>A frequency whose hertz need both halves.</summary>
    private const ulong TscKilohertz = 9_400_123;
    private const ulong Magic = 0x564D_5868;
    private const ushort Port = 0x5658;

    private static (bool Answered, ulong Rax, ulong Rbx, ulong Rcx) Ask(ulong rax, ulong rcx, ushort port = Port, int bytes = 4, ulong rbx = 0xFFFF_FFFF)
    {
        bool answered = HypervisorPort.Answer(port, bytes, TscKilohertz, ref rax, ref rbx, ref rcx);
        return (answered, rax, rbx, rcx);
    }

    [Theory]
    [InlineData(0x0000_002D)]
    [InlineData(0xFFFF_002D)]
    public void The_frequency_of_the_TSC_is_told_in_hertz(uint command)
    {
        var (answered, rax, rbx, rcx) = Ask(Magic, command);
        answered.ShouldBeTrue();
        (rax | (rbx << 32)).ShouldBe(TscKilohertz * 1000);
        rcx.ShouldBe(0u, "the kernel measures the APIC timer itself");
    }

    [Fact]
    public void X2APIC_may_be_used_without_interrupt_remapping() => Ask(Magic, 68).Rax.ShouldBe(8u);

    [Fact]
    public void Every_other_command_is_unknown_and_leaves_the_other_registers()
    {
        Gen.UInt[0, 0xFFFF].Where(command => command is not (45 or 68)).Sample(command => Ask(Magic, command, rbx: 7).ShouldBe((true, 0xFFFF_FFFFu, 7u, command)));
    }

    [Fact]
    public void Nothing_else_is_a_question()
    {
        Ask(Magic, 45, bytes: 1).ShouldBe((false, Magic, 0xFFFF_FFFFu, 45u));
        Ask(Magic, 45, port: Port + 1).Answered.ShouldBeFalse();
        Ask(Magic + 1, 45).Answered.ShouldBeFalse();
    }
}
