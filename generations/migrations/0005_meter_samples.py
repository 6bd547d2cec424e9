"""Samples of the vendor's meter, and where it and our books came apart."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('generations', '0004_projects_and_approvals'),
    ]

    operations = [
        migrations.CreateModel(
            name='Drift',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateTimeField(help_text='the last sample before it')),
                ('opened_at', models.DateTimeField()),
                ('seen_at', models.DateTimeField(help_text='the newest sample that showed more of it')),
                ('credits', models.BigIntegerField(help_text='above 0: the vendor charged more than we know of')),
                ('verdict', models.CharField(choices=[('starts', 'Nothing to compare with yet'), ('unreadable', "The vendor's meter says nothing"), ('waiting', 'Waiting for a second quiet sample'), ('agrees', 'Agrees'), ('made_good', 'An earlier drift was made good'), ('unknown_submit', 'An unknown submit was likely charged'), ('refund_not_seen', 'A refund was not seen'), ('late_refund', 'Refunded after it was settled'), ('price_differs', "The vendor's price differs"), ('used_outside', 'Used outside Dailies'), ('charged_less', 'The vendor charged less'), ('shared_account', 'Another key may draw on the same account'), ('contradicts', 'The meter contradicts itself'), ('went_back', 'The meter went back')], max_length=20)),
                ('detail', models.CharField(max_length=500)),
                ('candidates', models.JSONField(blank=True, default=list, help_text='ids of generations')),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('closed_by', models.CharField(blank=True, max_length=200)),
                ('closing', models.CharField(blank=True, help_text='why it is closed', max_length=500)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='MeterSample',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('taken_at', models.DateTimeField()),
                ('balance', models.BigIntegerField(blank=True, null=True)),
                ('total_purchased', models.BigIntegerField(blank=True, null=True)),
                ('total_consumed', models.BigIntegerField(blank=True, null=True)),
                ('charged', models.PositiveBigIntegerField(help_text='of all jobs that the vendor accepted')),
                ('refunded', models.PositiveBigIntegerField(help_text='of those that cost nothing in the end')),
                ('in_flight', models.PositiveBigIntegerField(help_text='of those that have not ended')),
                ('unknown', models.PositiveBigIntegerField(help_text='of jobs that it may have accepted')),
                ('quiet', models.BooleanField(help_text='Our sums stood still while it was taken.')),
                ('is_level', models.BooleanField(help_text='Later samples are measured from it.')),
                ('drift', models.BigIntegerField(blank=True, help_text='credits since the last level', null=True)),
                ('reading', models.CharField(blank=True, choices=[('net', 'net'), ('gross', 'gross')], max_length=10)),
                ('verdict', models.CharField(choices=[('starts', 'Nothing to compare with yet'), ('unreadable', "The vendor's meter says nothing"), ('waiting', 'Waiting for a second quiet sample'), ('agrees', 'Agrees'), ('made_good', 'An earlier drift was made good'), ('unknown_submit', 'An unknown submit was likely charged'), ('refund_not_seen', 'A refund was not seen'), ('late_refund', 'Refunded after it was settled'), ('price_differs', "The vendor's price differs"), ('used_outside', 'Used outside Dailies'), ('charged_less', 'The vendor charged less'), ('shared_account', 'Another key may draw on the same account'), ('contradicts', 'The meter contradicts itself'), ('went_back', 'The meter went back')], max_length=20)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.AddField(
            model_name='providerkey',
            name='next_sample_at',
            field=models.DateTimeField(blank=True, default=django.utils.timezone.now, null=True),
        ),
        migrations.AddField(
            model_name='drift',
            name='provider_key',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='drifts', to='generations.providerkey'),
        ),
        migrations.AddField(
            model_name='metersample',
            name='provider_key',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='samples', to='generations.providerkey'),
        ),
        migrations.AddIndex(
            model_name='drift',
            index=models.Index(condition=models.Q(('closed_at', None)), fields=['provider_key'], name='drift_open'),
        ),
        migrations.AddConstraint(
            model_name='drift',
            constraint=models.CheckConstraint(condition=models.Q(('credits', 0), _negated=True), name='drift_not_zero'),
        ),
        migrations.AddConstraint(
            model_name='drift',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at', None), ('closing', '')), models.Q(('closed_at__isnull', False), models.Q(('closing', ''), _negated=True)), _connector='OR'), name='drift_closes_with_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='drift',
            constraint=models.UniqueConstraint(condition=models.Q(('closed_at', None), ('verdict__in', ['shared_account', 'used_outside'])), fields=('provider_key', 'verdict'), name='drift_grows_in_one_row'),
        ),
        migrations.AddIndex(
            model_name='metersample',
            index=models.Index(fields=['provider_key', '-id'], name='sample_newest'),
        ),
        migrations.AddIndex(
            model_name='metersample',
            index=models.Index(condition=models.Q(('is_level', True)), fields=['provider_key', '-id'], name='sample_level'),
        ),
        migrations.AddIndex(
            model_name='metersample',
            index=models.Index(fields=['taken_at'], name='sample_age'),
        ),
    ]
