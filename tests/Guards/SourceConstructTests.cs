namespace Osv.Monitor.Guards.Tests;

/// <summary>All samples of forbidden C# in one build: each is named with its file and line.</summary>
public sealed class SourceConstructs : IAsyncLifetime
{
    internal BuildResult Result { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        using SampleBuild build = new SampleBuild().With("Il");
        Result = await build.RunAsync(TestContext.Current.CancellationToken);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

public sealed class SourceConstructTests(SourceConstructs samples) : IClassFixture<SourceConstructs>
{
    [Theory]
    [InlineData("CatchBlock.cs(15)", "NoExceptions", "never runs in ring 0; return a status")]
    [InlineData("FinallyBlock.cs(15)", "NoExceptions", "never runs in ring 0; return a status")]
    [InlineData("UsingStatement.cs(", "NoExceptions", "using or lock")]
    [InlineData("ThrowStatement.cs(14)", "NoExceptions", "throw cannot be caught")]
    [InlineData("NewClass.cs(17)", "NoAllocation", "new of a class (or a lambda) needs a heap")]
    [InlineData("NewArray.cs(14)", "NoAllocation", "new of an array needs a heap")]
    [InlineData("Boxing.cs(15)", "NoAllocation", "boxing a value needs a heap")]
    [InlineData("FunctionPointer.cs(", "NoFunctionPointer", "use a static abstract interface member")]
    [InlineData("UnmanagedEntry.Run", "NoInterop", "UnmanagedCallersOnlyAttribute drags in a transition")]
    [InlineData("SuppressedTransition.Run", "NoInterop", "SuppressGCTransitionAttribute drags in a transition")]
    [InlineData("PlatformInvoke.In8", "NoInterop", "a P/Invoke drags in a transition")]
    [InlineData("VolatileField.cs(", "NoVolatile", "through Cpu.Load32 and Cpu.Store32")]
    [InlineData("NeverWritten.cs(14)", "NeverWritten", "NeverWritten.Ticks is read but no C# writes it")]
    public void The_build_refuses_each_forbidden_construct_and_says_where(string where, string guard, string words) => samples.Result.ShouldRefuse(where, guard, words);

    [Fact]
    public void Nothing_of_the_monitor_itself_is_refused()
    {
        samples.Result.Errors.ShouldNotBeEmpty();
        samples.Result.Errors.ShouldAllBe(line => Directory.EnumerateFiles(Path.Combine(Toolchain.Samples, "Il")).Any(sample => line.Contains(Path.GetFileNameWithoutExtension(sample), StringComparison.Ordinal)));
    }
}
