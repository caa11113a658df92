using CsCheck;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Tests;

public sealed class MmioInstructionTests
{
    [Theory]
    [InlineData("89 07", true, 0, 2, null)]                                 // mov [rdi], eax
    [InlineData("8B 47 10", false, 0, 3, null)]                             // mov eax, [rdi+10h]
    [InlineData("44 89 3C 25 00 00 C0 FE", true, 15, 8, null)]              // mov [0FEC00000h], r15d
    [InlineData("41 8B 0C 24", false, 1, 4, null)]                          // mov ecx, [r12]
    [InlineData("C7 05 11 22 33 44 78 56 34 12", true, 0, 10, 0x1234_5678u)] // mov dword [rip+...], 12345678h
    [InlineData("C7 40 10 01 00 00 00", true, 0, 7, 1u)]                    // mov dword [rax+10h], 1
    public void A_move_that_linux_uses_is_decoded(string bytes, bool isWrite, int register, int length, uint? immediate)
    {
        MmioInstruction.Decode(Convert.FromHexString(bytes.Replace(" ", "", StringComparison.Ordinal)), out MmioInstruction decoded).ShouldBeTrue();
        decoded.IsWrite.ShouldBe(isWrite);
        decoded.Length.ShouldBe(length);
        decoded.HasImmediate.ShouldBe(immediate != null);
        decoded.Immediate.ShouldBe(immediate ?? 0);
        if (immediate == null) decoded.Register.ShouldBe(register);
    }

    [Theory]
    [InlineData("")]
    [InlineData("89")]
    [InlineData("48 89 07")]        // 64 bits wide
    [InlineData("66 89 07")]        // 16 bits wide
    [InlineData("88 07")]           // a byte
    [InlineData("50 89 07")]        // push rax, which a faulting stack is written by, before a move
    [InlineData("57 89 07")]
    [InlineData("3E 89 07")]
    [InlineData("89 C0")]           // register to register
    [InlineData("C7 48 10 01 00 00 00")]
    [InlineData("F0 87 07")]
    [InlineData("89 47")]           // its displacement is missing
    [InlineData("C7 07 01 00 00")]  // its immediate is cut off
    public void Anything_else_is_refused(string bytes) =>
        MmioInstruction.Decode(Convert.FromHexString(bytes.Replace(" ", "", StringComparison.Ordinal)), out _).ShouldBeFalse();

    /// <summary>Every form of an effective address, assembled piece by piece: the length is the sum of the pieces.</summary>
    [Fact]
    public void Every_addressing_form_has_the_length_of_its_pieces()
    {
        Gen.Select(Gen.OneOf<byte>(0x89, 0x8B, 0xC7), Gen.Int[0, 2], Gen.Int[0, 15], Gen.Int[0, 7], Gen.Byte, Gen.Int[0, 1], Gen.UInt).Sample((opcode, mode, register, memory, sib, rexLow, immediate) =>
        {
            if (opcode == 0xC7) register &= 8;
            var bytes = new List<byte>();
            int rex = 0x40 | (register >= 8 ? 4 : 0) | rexLow;
            if (rex != 0x40) bytes.Add((byte)rex);
            bytes.Add(opcode);
            bytes.Add((byte)((mode << 6) | ((register & 7) << 3) | memory));
            if (memory == 4) bytes.Add(sib);
            int displacement = mode == 1 ? 1 : mode == 2 || (memory == 5 && mode == 0) || (memory == 4 && (sib & 7) == 5 && mode == 0) ? 4 : 0;
            bytes.AddRange(new byte[displacement]);
            if (opcode == 0xC7) bytes.AddRange(BitConverter.GetBytes(immediate));
            int length = bytes.Count;
            bytes.AddRange(new byte[MmioInstruction.MaxLength - length]);

            MmioInstruction.Decode(bytes.ToArray(), out MmioInstruction decoded).ShouldBeTrue();
            decoded.Length.ShouldBe(length);
            decoded.IsWrite.ShouldBe(opcode != 0x8B);
            decoded.Register.ShouldBe(register);
            if (opcode == 0xC7) decoded.Immediate.ShouldBe(immediate);
            for (int cut = 0; cut < length; cut++) MmioInstruction.Decode(bytes.GetRange(0, cut).ToArray(), out _).ShouldBeFalse();
        });
    }

    [Fact]
    public void Any_bytes_are_answered_and_none_is_read_beyond_them()
    {
        Gen.OneOf(Gen.Byte, Gen.OneOf<byte>(0x40, 0x44, 0x89, 0x8B, 0xC7, 0x04, 0x05, 0x25)).Array[0, MmioInstruction.MaxLength].Sample(bytes =>
        {
            if (!MmioInstruction.Decode(bytes, out MmioInstruction decoded)) return;
            decoded.Length.ShouldBeLessThanOrEqualTo(bytes.Length);
            decoded.Register.ShouldBeInRange(0, 15);
        }, iter: 100_000);
    }
}
