namespace Medic.Targets;

/// <summary>
/// `waits [storm N]`: locks that are waited for in known numbers and for known times. The command `wait N MS` makes each lock
/// (Ferry.cs) N times be waited for, for MS milliseconds or a little more, and answers with one line of JSON; `prime` waits once for
/// a lock that stands in no account, `count` answers with Monitor.LockContentionCount. With storm N threads fight for a few locks without a pause.
/// </summary>
sealed class Waits(string[] arguments) : Mode
{
    private readonly int _storm = arguments is ["storm", var n] ? int.Parse(n) : 0;

    public override void Start()
    {
        for (var i = 0; i < _storm; i++)
            Run($"storm {i}", Storm);
    }

    public override void WarmUp()
    {
        if (_storm > 0)
            base.WarmUp();
    }

    public override void Command(string line)
    {
        switch (line.Split(' '))
        {
            case ["wait", var n, var ms]: Console.WriteLine(Account(int.Parse(n), int.Parse(ms))); break;
            case ["prime"]: Ferry.Pier.Prime.Meet(1, 1); Console.WriteLine("done"); break;
            case ["count"]: Console.WriteLine(Monitor.LockContentionCount); break;
            default: base.Command(line); break;
        }
    }

    private static string Account(int count, int milliseconds)
    {
        var before = Monitor.LockContentionCount;
        var locks = Ferry.Pier.All.Select(pier =>
        {
            var counted = Monitor.LockContentionCount;
            var waited = pier.Meet(count, milliseconds);
            counted = Monitor.LockContentionCount - counted;
            return FormattableString.Invariant(
                $"{{\"type\":\"{pier.Type}\",\"site\":\"{pier.Site}\",\"holder\":\"{pier.Holder}\",\"mark\":\"{pier.Mark}\",\"handle\":{(pier.IsHandle ? "true" : "false")},\"waits\":{count},\"counted\":{counted},\"waitedNs\":{waited}}}");
        }).ToArray();
        return $$"""{"contentions":{{Monitor.LockContentionCount - before}},"locks":[{{string.Join(',', locks)}}]}""";
    }

    private void Storm()
    {
        for (var i = 0; ; i++)
        {
            Ferry.Dock.Board(i % 3);
            Done();
        }
    }
}
