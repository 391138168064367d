namespace Medic.Targets;

/// <summary>Two threads allocate as fast as they can, and a part survives a while: young collections.</summary>
sealed class Churn : Mode
{
    public override void Start()
    {
        for (var i = 0; i < 2; i++)
            Run($"churn {i}", Worker);
    }

    private void Worker()
    {
        var recent = new object[20_000];
        for (var n = 0; ; n++)
        {
            for (var i = 0; i < 1000; i++)
            {
                var garbage = new byte[200];
                if (i % 10 == 0)
                    recent[(n * 100 + i / 10) % recent.Length] = garbage;
            }
            Done();
        }
    }
}

/// <summary>
/// A graph of millions of small objects, with allocation beside it that grows gen2 until the runtime collects it by
/// itself: in the background, or blocking when DOTNET_gcConcurrent=0.
/// </summary>
sealed class BigHeap(int objects) : Mode
{
    private sealed class Node(Node? next)
    {
        public readonly Node? Next = next;
        public object? Payload;
    }

    private readonly Node?[] _buckets = new Node?[objects / 100];

    public override void Start()
    {
        for (var i = 0; i < objects; i++)
            _buckets[i % _buckets.Length] = new Node(_buckets[i % _buckets.Length]);
        Run("grower", Grow);
    }

    public override void WarmUp() => SpinWait.SpinUntil(() => Work >= 1, TimeSpan.FromSeconds(20));

    /// <summary>Large arrays are gen2 from birth: their budget is what provokes the collections.</summary>
    private void Grow()
    {
        var large = new byte[8][];
        for (var n = 0; ; n++)
        {
            large[n % large.Length] = new byte[1 << 20];
            for (var node = _buckets[n % _buckets.Length]; node != null; node = node.Next)
                node.Payload = new object();
            Done();
            Thread.Sleep(1);
        }
    }
}

/// <summary>A bit of everything, in turn: young collections, large arrays, forced collections, rest.</summary>
sealed class PauseMix : Mode
{
    private readonly Orders.Cache _cache = new(objects: 100_000);

    public override void Start()
    {
        Run("mix", () =>
        {
            for (var n = 0; ; n++)
            {
                Young();
                if (n % 10 == 0)
                    GC.KeepAlive(new byte[4 << 20]);
                if (n % 20 == 5)
                {
                    InducedOne();
                    _cache.Trim();
                }
                if (n % 20 == 15)
                {
                    InducedOne();
                    _cache.TrimInBackground();
                }
                Done();
                Thread.Sleep(5);
            }
        });
    }

    private static void Young()
    {
        var keep = new List<byte[]>();
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = new byte[100];
            if (i % 20 == 0)
                keep.Add(bytes);
        }
    }
}
