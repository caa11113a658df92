using Osv.Monitor.Guards.Code;
using Osv.Monitor.Guards.Image;

namespace Osv.Monitor.Guards.Tests;

/// <summary>Samples that only the linked image shows for what they are, in one build.</summary>
public sealed class MachineCode : IAsyncLifetime
{
    internal BuildResult Result { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        using SampleBuild build = new SampleBuild().With("Machine");
        Result = await build.RunAsync(TestContext.Current.CancellationToken);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

public sealed class MachineCodeTests(MachineCode samples) : IClassFixture<MachineCode>
{
    [Theory]
    [InlineData("ComputedStatic", "NoStaticConstructor", "never runs in ring 0, the fields stay zero")]
    [InlineData("InitialValue", "ReadOnlyData", "make it const, or assign it in start-up code")]
    [InlineData("InitialValue.Run", "ReadOnlyData", "writes below __bss_start")]
    [InlineData("sample_written_constant", "ReadOnlyData", "writes below __bss_start")]
    [InlineData("sample_call_register", "NoIndirectCall", "call *%rax calls through a register or table (a virtual, interface or delegate call)")]
    [InlineData("VirtualCall.Run", "NoIndirectCall", "(a virtual, interface or delegate call)")]
    [InlineData("VirtualCall.Last", "IndirectJump", "it is not a jump table of ilc")]
    [InlineData("sample_jump_register", "IndirectJump", "it is not a jump table of ilc")]
    [InlineData("sample_jump_memory", "IndirectJump", "it is not a jump table of ilc")]
    [InlineData("Recursion", "NoRecursion", "can call itself")]
    [InlineData("DeepStack.Run", "StackBound", "make the frames smaller along")]
    [InlineData("LargeStack.Run", "StackBound", "below 4096 bytes")]
    [InlineData("UnboundedStack.Run", "StackBound", "give it a constant size below 4096 bytes")]
    [InlineData("StackInLoop.Run", "StackBound", "take stackalloc out of loops")]
    [InlineData("sample_moved_stack", "StackBound", "by an amount nobody knows")]
    [InlineData("HoistedWait", "EndlessWait", "read shared memory with Cpu.Load32")]
    [InlineData("sample_ymm", "NoWideVectors", "exits save XMM registers only")]
    [InlineData("sample_vex", "NoWideVectors", "vpxor")]
    [InlineData("sample_fs", "NoThreadLocal", "belong to the guest")]
    [InlineData("sample_gs", "NoThreadLocal", "belong to the guest")]
    [InlineData("sample_red_zone", "NoRedZone", "below the stack pointer")]
    [InlineData("sample_interrupt_stub", "SavedVectors", "an interrupt stub that returns makes a call")]
    public void The_build_refuses_each_forbidden_piece_of_machine_code(string where, string guard, string words) => samples.Result.ShouldRefuse(where, guard, words);

    [Fact]
    public void Nothing_of_the_monitor_itself_is_refused()
    {
        samples.Result.Errors.ShouldNotBeEmpty();
        samples.Result.Errors.ShouldAllBe(line => line.StartsWith("sample_", StringComparison.Ordinal) || line.Contains("Samples_", StringComparison.Ordinal));
    }
}

/// <summary>Pieces of the monitor taken out, in one build.</summary>
public sealed class Forgotten : IAsyncLifetime
{
    internal BuildResult Result { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        using SampleBuild build = new SampleBuild()
            .With("Size")
            .Without("long/world.asm", "    save_xmm\n")
            .Without("Startup/Panic.cs", "if (Cpu.Exchange32(entered, 1) != 0) Cpu.Halt();", "*entered = 1;")
            .Without("monitor.ld", "    . = ALIGN(4096);\n    __text_end = .;", "    . = ALIGN(16); . = . + 16;\n    __text_end = .;");
        Result = await build.RunAsync(TestContext.Current.CancellationToken);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

public sealed class ForgottenTests(Forgotten samples) : IClassFixture<Forgotten>
{
    [Theory]
    [InlineData("world_loop", "SavedVectors", "16 XMM registers are loaded before VMRUN and 0 saved after it")]
    [InlineData("Panic.Because", "PanicReentry", "a panic inside a panic must end at once")]
    [InlineData("__text_end", "PageRights", "align it in boot/monitor.ld")]
    [InlineData("monitor", "ImageSize", "the limit is 163840")]
    public void The_build_misses_what_must_be_there(string where, string guard, string words) => samples.Result.ShouldRefuse(where, guard, words);
}

/// <summary>What is allowed, built and linked.</summary>
public sealed class AllowedCode : IAsyncLifetime
{
    internal BuildResult Result { get; private set; } = null!;
    internal CodeMap Code { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        using SampleBuild build = new SampleBuild().With("Good");
        Result = await build.RunAsync(TestContext.Current.CancellationToken);
        Code = CodeMap.Read(ElfFile.Read(Path.Combine(build.Output, "monitor.elf")));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

public sealed class AllowedCodeTests(AllowedCode samples) : IClassFixture<AllowedCode>
{
    [Fact]
    public void What_is_allowed_builds_without_a_complaint()
    {
        samples.Result.Errors.ShouldBeEmpty();
        samples.Result.Status.ShouldBe(0, string.Join('\n', samples.Result.Lines));
    }

    [Fact]
    public void A_switch_through_a_table_is_allowed_but_not_in_the_fast_path_of_an_exit()
    {
        JumpGuards.Check(samples.Code).ShouldBeEmpty();
        JumpGuards.FastPath(samples.Code, "sample_good").ShouldHaveSingleItem().ToString().ShouldContain("error FastPathJump: a switch in the fast path of an exit jumps through a table");
    }

    [Fact]
    public void The_stack_bound_is_told()
    {
        samples.Result.Lines.ShouldContain(line => line.StartsWith("monitor: stack of a core at most", StringComparison.Ordinal));
    }
}
