namespace Osv.Cli.CommandLine;

/// <summary>Files that commands are given.</summary>
internal static class Files
{
    /// <param name="file">The file.</param>
    /// <param name="what">The option or argument that named it.</param>
    /// <param name="cancel">Ends reading.</param>
    /// <exception cref="CommandException">It cannot be read.</exception>
    public static async Task<string> ReadTextAsync(FileInfo file, string what, CancellationToken cancel)
    {
        try
        {
            return await File.ReadAllTextAsync(file.FullName, cancel).ConfigureAwait(false);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(file, what, refused);
        }
    }

    /// <exception cref="CommandException">It cannot be read.</exception>
    public static FileStream OpenRead(FileInfo file, string what)
    {
        try
        {
            return new FileStream(file.FullName, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.Asynchronous | FileOptions.SequentialScan);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(file, what, refused);
        }
    }

    private static CommandException Unreadable(FileInfo file, string what, Exception refused) =>
        new(refused is FileNotFoundException or DirectoryNotFoundException ? $"{what}: there is no file {file}" : $"{what}: {file} cannot be read ({refused.Message})", refused);
}
