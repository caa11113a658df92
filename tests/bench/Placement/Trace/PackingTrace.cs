using System.Globalization;

namespace Osv.Placement.Bench.Trace;

/// <summary>A row of vmType: what a type takes of a machine, as a share of it.</summary>
internal sealed record VmType(int VmTypeId, int MachineId, double Core, double Memory, double Hdd, double Ssd, double Nic);

/// <summary>A row of vm. Times are days since the trace begins; negative: alive before. End is null when it outlives the trace.</summary>
internal sealed record Vm(long VmId, int TenantId, int VmTypeId, int Priority, double StartTime, double? EndTime);

/// <summary>
/// A trace in the schema of the Azure Packing trace of 2020 (github.com/Azure/AzurePublicDataset,
/// AzureTracesForPacking2020.md), its two tables as the files vm.csv and vmType.csv.
/// </summary>
internal sealed record PackingTrace(IReadOnlyList<VmType> Types, IReadOnlyList<Vm> Vms)
{
    private const string VmHeader = "vmId,tenantId,vmTypeId,priority,starttime,endtime";
    private const string TypeHeader = "id,vmTypeId,machineId,core,memory,hdd,ssd,nic";

    public void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        CultureInfo plain = CultureInfo.InvariantCulture;
        using (StreamWriter types = File.CreateText(Path.Combine(folder, "vmType.csv")))
        {
            types.WriteLine(TypeHeader);
            for (int i = 0; i < Types.Count; i++)
            {
                VmType type = Types[i];
                types.WriteLine(string.Create(plain, $"{i},{type.VmTypeId},{type.MachineId},{type.Core:R},{type.Memory:R},{type.Hdd:R},{type.Ssd:R},{type.Nic:R}"));
            }
        }
        using StreamWriter vms = File.CreateText(Path.Combine(folder, "vm.csv"));
        vms.WriteLine(VmHeader);
        foreach (Vm vm in Vms)
            vms.WriteLine(string.Create(plain, $"{vm.VmId},{vm.TenantId},{vm.VmTypeId},{vm.Priority},{vm.StartTime:R},{vm.EndTime:R}"));
    }

    /// <summary>Reads both files. Of a type that several machines offer, only the machine with the most types counts.</summary>
    public static PackingTrace Read(string folder)
    {
        List<VmType> types = [.. Rows(Path.Combine(folder, "vmType.csv"), TypeHeader).Select(row => new VmType(Whole(row[1]), Whole(row[2]), Real(row[3]), Real(row[4]), Real(row[5]), Real(row[6]), Real(row[7])))];
        int machine = types.GroupBy(type => type.MachineId).MaxBy(group => group.Count())!.Key;
        types.RemoveAll(type => type.MachineId != machine);
        HashSet<int> known = [.. types.Select(type => type.VmTypeId)];
        List<Vm> vms = [.. Rows(Path.Combine(folder, "vm.csv"), VmHeader)
            .Select(row => new Vm(long.Parse(row[0], CultureInfo.InvariantCulture), Whole(row[1]), Whole(row[2]), Whole(row[3]), Real(row[4]), row[5].Length == 0 ? null : Real(row[5])))
            .Where(vm => known.Contains(vm.VmTypeId))
            .OrderBy(vm => vm.StartTime)];
        return new PackingTrace(types, vms);
    }

    private static IEnumerable<string[]> Rows(string file, string header)
    {
        using StreamReader reader = File.OpenText(file);
        string? first = reader.ReadLine();
        if (first != header) throw new InvalidDataException($"{file} starts with '{first}', not with '{header}': export the table with these columns");
        int columns = header.Count(c => c == ',') + 1;
        while (reader.ReadLine() is { } line)
        {
            string[] row = line.Split(',');
            if (row.Length != columns) throw new InvalidDataException($"{file}: '{line}' has {row.Length} columns, not {columns}");
            yield return row;
        }
    }

    private static int Whole(string text) => int.Parse(text, CultureInfo.InvariantCulture);
    private static double Real(string text) => text.Length == 0 ? 0 : double.Parse(text, CultureInfo.InvariantCulture);
}
