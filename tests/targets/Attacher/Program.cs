// Attacher <pid> <guid> <path of libmedic.so> [client data, or @file]
using System.Text;
using Microsoft.Diagnostics.NETCore.Client;

if (args.Length is < 3 or > 4)
{
    Console.Error.WriteLine("usage: Attacher <pid> <guid> <path of the profiler> [client data, or @file]");
    return 2;
}

var data = args.Length < 4 ? null
    : args[3].StartsWith('@') ? File.ReadAllBytes(args[3][1..])
    : Encoding.UTF8.GetBytes(args[3]);
try
{
    var client = new DiagnosticsClient(int.Parse(args[0]));
    client.AttachProfiler(TimeSpan.FromSeconds(10), Guid.Parse(args[1]), args[2], data);
    return 0;
}
catch (Exception e)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
