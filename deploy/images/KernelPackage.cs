namespace Osv.Images;

/// <summary>A stock Debian kernel and its modules, as kernel.sh leaves them.</summary>
public sealed class KernelPackage
{
    private readonly string _modules;

    private KernelPackage(string name, string folder)
    {
        Name = name;
        Image = Path.Combine(folder, "vmlinuz");
        _modules = Directory.GetDirectories(Path.Combine(folder, "modules")).Single();
        Release = Path.GetFileName(_modules);
    }

    /// <summary>cloud-6.1, cloud-6.12 or generic-6.12.</summary>
    public string Name { get; }

    public string Image { get; }

    /// <summary>What <c>uname -r</c> says.</summary>
    public string Release { get; }

    /// <param name="name">cloud-6.1, cloud-6.12 or generic-6.12.</param>
    /// <param name="script">Path of kernel.sh.</param>
    /// <param name="cache">Folder that keeps unpacked kernels.</param>
    /// <param name="warn">Is told when a newer one cannot be fetched.</param>
    public static async Task<KernelPackage> FetchAsync(string name, string script, string cache, Action<string> warn, CancellationToken cancel = default)
    {
        await Tool.RunScriptAsync([script, name, cache], warn, cancel).ConfigureAwait(false);
        return new KernelPackage(name, Path.Combine(cache, name));
    }

    /// <summary>The named modules, with all they depend on, laid out for modprobe: path in the image and content. What is built in needs no file.</summary>
    /// <exception cref="InvalidOperationException">This kernel has one of them neither as a file nor built in.</exception>
    public async Task<IReadOnlyList<(string Path, byte[] Content)>> ModulesAsync(IReadOnlyCollection<string> names, CancellationToken cancel = default)
    {
        string[] lines = await File.ReadAllLinesAsync(Path.Combine(_modules, "modules.builtin"), cancel).ConfigureAwait(false);
        HashSet<string> builtIn = [.. lines.Select(line => Canonical(Path.GetFileNameWithoutExtension(line)))];
        Dictionary<string, string> files = Directory.EnumerateFiles(_modules, "*.ko", SearchOption.AllDirectories)
            .ToDictionary(file => Canonical(Path.GetFileNameWithoutExtension(file)), StringComparer.Ordinal);
        var wanted = new SortedDictionary<string, string>(StringComparer.Ordinal);
        string[] missing = [.. names.Where(name => !files.ContainsKey(Canonical(name)) && !builtIn.Contains(Canonical(name)))];
        if (missing.Length > 0) throw new InvalidOperationException($"kernel {Name} ({Release}) has no module {string.Join(", ", missing)}, neither as a file nor built in: the recipe of the image must name another, or another kernel");
        var queue = new Queue<string>(names.Select(Canonical));
        while (queue.TryDequeue(out string? name))
        {
            if (!files.TryGetValue(name, out string? file) || !wanted.TryAdd(name, file)) continue;
            string depends = await Tool.RunAsync("modinfo", ["-F", "depends", file], cancel).ConfigureAwait(false);
            foreach (string other in depends.Trim().Split(',', StringSplitOptions.RemoveEmptyEntries)) queue.Enqueue(Canonical(other));
        }

        string stage = Directory.CreateTempSubdirectory("osv-modules").FullName;
        try
        {
            string root = Path.Combine(stage, "lib", "modules", Release);
            Directory.CreateDirectory(root);
            foreach (string list in (string[])["modules.builtin", "modules.builtin.modinfo", "modules.order"]) File.Copy(Path.Combine(_modules, list), Path.Combine(root, list));
            foreach (string file in wanted.Values)
            {
                string target = Path.Combine(root, Path.GetRelativePath(_modules, file));
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Copy(file, target);
            }
            await Tool.RunAsync("depmod", ["-b", stage, Release], cancel).ConfigureAwait(false);
            var files2 = new List<(string, byte[])>();
            foreach (string file in Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            {
                string name = Path.GetFileName(file);
                if (name.EndsWith(".ko", StringComparison.Ordinal) || name is "modules.dep" or "modules.alias") files2.Add((Path.GetRelativePath(stage, file), await File.ReadAllBytesAsync(file, cancel).ConfigureAwait(false)));
            }
            return files2;
        }
        finally
        {
            Directory.Delete(stage, recursive: true);
        }
    }

    /// <summary>The kernel takes - and _ in module names for the same.</summary>
    private static string Canonical(string name) => name.Replace('-', '_');
}
